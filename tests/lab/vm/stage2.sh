#!/bin/sh
# Process 1 on the overlay: devices and udev, then the command, then its exit status, then off.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 JACKFIELD_VM=/vm
mount -t tmpfs none /run
mkdir -p /dev/shm /dev/pts
mount -t tmpfs -o mode=1777 none /dev/shm
mount -t devpts none /dev/pts
ln -sf /proc/self/fd /dev/fd
ip link set lo up 2> /dev/null || busybox ip link set lo up
hostname lab 2> /dev/null

/lib/systemd/systemd-udevd --daemon --resolve-names=early
udevadm trigger --action=add --subsystem-match=virtio-ports --subsystem-match=sound --subsystem-match=usb
udevadm settle --timeout=30

out=/dev/console
for port in /sys/class/virtio-ports/*; do
    [ "$(cat "$port/name")" = out ] && out=/dev/$(basename "$port")
done
setsid /bin/sh /vm/command < /dev/null > "$out" 2>&1
echo $? > /vm/status
sync
busybox poweroff -f
