# The guest's init, on the host's file system: what a system has mounted, modules on demand, then the agent. There is no
# systemd and there are no services. This shell stays the first process and collects what others leave behind.
. /.ww-settings
bb="$CACHE/busybox"
"$bb" mount -t proc proc /proc
"$bb" mount -t sysfs sysfs /sys
"$bb" mount -t devtmpfs devtmpfs /dev
"$bb" mkdir -p /dev/pts /dev/shm
"$bb" mount -t devpts -o ptmxmode=0666 devpts /dev/pts
"$bb" mount -t tmpfs tmpfs /dev/shm
"$bb" mount -t tmpfs -o mode=755 tmpfs /run
"$bb" mkdir -p /run/guest/bin /run/netns /lib/modules "$HOME_DIR"
"$bb" ln -sfn /proc/self/fd /dev/fd
"$bb" ln -sfn "$CACHE/modules/$RELEASE" "/lib/modules/$RELEASE"
for applet in busybox modprobe insmod rmmod lsmod poweroff; do
  "$bb" ln -s "$bb" "/run/guest/bin/$applet"
done
# The kernel asks for a module by its alias when it is first used: `ip link add type vlan` loads 8021q.
echo /run/guest/bin/modprobe > /proc/sys/kernel/modprobe
echo guest > /proc/sys/kernel/hostname
/run/guest/bin/modprobe tun # /dev/net/tun, which no alias asks for
"$bb" ip link set lo up
[ -z "$USB" ] || . "$TREE/hil/guest/init_usb.sh"
export PATH="/run/guest/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" HOME="$HOME_DIR" LC_ALL=C.UTF-8
"$NODE" "$TREE/build/guest/agent.mjs" < /dev/null
echo "guest: the agent ended with $?"
"$bb" poweroff -f
