# The guest's USB, sourced by init.sh: controllers (QEMU's xhci, four made up ones with a gadget side each), configfs for
# gadgets, usbmon, and udev, which announces devices to libusb and loads the kernel's drivers. Rules of the host are hidden.
for rules in /etc/udev/rules.d /usr/lib/udev/rules.d; do
  [ ! -d "$rules" ] || "$bb" mount -t tmpfs tmpfs "$rules"
done
"$bb" mkdir -p /run/udev/rules.d
for rules in "$CACHE"/udev/rules.d/*.rules; do
  "$bb" ln -s "$rules" "/run/udev/rules.d/${rules##*/}"
done
# busybox's depmod writes no index that udev's own loader could read.
echo 'ACTION=="add", SUBSYSTEM=="usb", ENV{MODALIAS}=="?*", RUN+="/run/guest/bin/modprobe -q $env{MODALIAS}"' \
  > /run/udev/rules.d/80-drivers.rules
for name in udevadm systemd-udevd; do
  "$bb" ln -s "$CACHE/udev/udevadm" "/run/guest/bin/$name"
done
for module in libcomposite usbmon xhci_pci virtio_net; do
  /run/guest/bin/modprobe "$module"
done
/run/guest/bin/modprobe dummy_hcd num=4
"$bb" mount -t configfs configfs /sys/kernel/config
/run/guest/bin/systemd-udevd --daemon
