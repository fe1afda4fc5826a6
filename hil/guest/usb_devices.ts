/**
 * QEMU's devices for the guest's USB: an xhci controller, the network card at the other end of the usb-net adapter that a
 * test plugs in, and QEMU's monitor (QMP) as a serial port of the guest, by which the test does that.
 *
 *   usb-net (plugged by QMP) ── usb0 ── hub 0 ── nic0 ── virtio-net-pci: the adapter's peer, an interface of the guest
 *   /dev/virtio-ports/ww.qmp ── virtserialport ── qmp-guest ══ FOLDER/qmp ══ qmp ── QMP
 */
import { join } from 'node:path';

export const QMP_PORT = 'ww.qmp';
/** What usb-net connects to: its `netdev`. */
export const USB_NETDEV = 'usb0';
/** Of the card at the other end. */
export const PEER_MAC = '52:54:00:00:00:02';

/** `folder`, private and short-lived, has the monitor's socket; it is connected to before the guest runs. */
export function usbDevices(folder: string): string[] {
  const socket = join(folder, 'qmp');
  return [
    ...['-device', 'qemu-xhci,id=xhci'],
    ...['-netdev', `hubport,id=${USB_NETDEV},hubid=0`, '-netdev', 'hubport,id=nic0,hubid=0'],
    ...['-device', `virtio-net-pci,netdev=nic0,mac=${PEER_MAC}`],
    ...['-chardev', `socket,id=qmp,path=${socket},server=on,wait=off`, '-mon', 'chardev=qmp,mode=control'],
    ...['-chardev', `socket,id=qmp-guest,path=${socket}`],
    ...['-device', `virtserialport,chardev=qmp-guest,name=${QMP_PORT}`],
  ];
}
