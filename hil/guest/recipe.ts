/**
 * What of Debian the guest is made of: three packages, and of the kernel's modules those that match here, with all that
 * they depend on. A change makes a new cache folder, so `npm run setup` has to run again.
 */

/** The first is a name that stands for the newest kernel: its dependency is the package. */
export const PACKAGES = { kernel: 'linux-image-amd64', busybox: 'busybox-static', udev: 'udev' } as const;

/** Paths below /lib/modules/<release>/kernel. */
export const MODULES: readonly RegExp[] = [
  // To boot: the host's file system, the overlay, the control channel.
  /^(fs\/(9p|overlayfs)|net\/9p)\//,
  /^crypto\//, // libcrc32c asks for crc32c by its alias
  /^drivers\/(virtio|char\/virtio_console|char\/hw_random\/virtio-rng)/,
  // Devices.
  /^net\/(802|8021q|bridge|llc)\//,
  /^drivers\/net\/(bonding|ipvlan|team|vxlan|wireguard)\//,
  /^drivers\/net\/(dummy|geneve|ifb|macsec|macvlan|macvtap|nlmon|tap|tun|veth|virtio_net|vrf)\.ko$/,
  // USB: host controllers, adapters, serial lines; gadgets on a made up controller; USB over IP; captures.
  /^drivers\/usb\/(common|core|mon)\//,
  /^drivers\/usb\/(host\/(uhci|ehci|xhci)-(hcd|pci)|class\/cdc-acm|usbip\/vhci-hcd)\.ko$/,
  /^drivers\/usb\/serial\/(ch341|cp210x|ftdi_sio|pl2303)\.ko$/,
  /^drivers\/net\/usb\/(ax88179_178a|cdc_(eem|ether|ncm)|r8152|r8153_ecm|rndis_host)\.ko$/,
  /^drivers\/usb\/gadget\/(udc\/dummy_hcd|function\/usb_f_(acm|ecm|eem|fs|ncm|rndis|ss_lb))\.ko$/,
  // Queueing, filters, actions; nf_tables, flow tables, NFQUEUE, conntrack; tunnels, IPsec, MPLS.
  /^net\/(core|ife|ipv4|ipv6|key|l2tp|mpls|netfilter|netlink|nsh|packet|psample|sched|tls|unix|xfrm)\//,
];

/** What has to be there before the host's file system is, in the initial file system. */
export const BOOT_MODULES = ['virtio_pci', '9pnet_virtio', '9p', 'overlay', 'virtio_console'] as const;

/** Of udev: what names and announces USB devices and serial lines. Drivers are loaded by a rule of init.sh. */
export const UDEV_RULES = ['50-udev-default', '60-serial', '75-net-description'] as const;
