#!/bin/busybox sh
# The first process, in the initial file system: modules, the host's file system below a writable layer in memory, on.
# /settings, written for each boot: the path of the tree, of the cache, of node, and the modules in their order.
/bin/busybox mount -t proc proc /proc
. /settings
for module in $BOOT_MODULES; do
  /bin/busybox insmod "/modules/$module.ko" || /bin/busybox echo "guest: no module $module"
done
/bin/busybox mkdir -p /host /layer /new
/bin/busybox mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose,msize=512000 host /host || exit
/bin/busybox mount -t tmpfs -o mode=755 layer /layer || exit
/bin/busybox mkdir /layer/upper /layer/work
/bin/busybox mount -t overlay -o lowerdir=/host,upperdir=/layer/upper,workdir=/layer/work overlay /new || exit
/bin/busybox cp /settings /new/.ww-settings
/bin/busybox umount /proc
exec /bin/busybox switch_root /new "$CACHE/busybox" sh "$TREE/hil/guest/init.sh"
