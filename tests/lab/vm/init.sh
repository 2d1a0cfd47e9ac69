#!/bin/sh
# /init of the initramfs: this machine's root, read-only over 9p, under a tmpfs that takes what is written.
export PATH=/bin
for each in proc:proc sys:sysfs dev:devtmpfs; do mount -t "${each#*:}" none "/${each%:*}"; done
while read -r module; do insmod "/modules/$module" || echo "lab: no module $module"; done < /modules/order

share() { mount -t 9p -o "trans=virtio,version=9p2000.L,msize=512000,access=any,$3" "$1" "$2"; }
share root /lower ro,cache=loose || { echo "lab: the root share cannot be mounted"; poweroff -f; }
mount -t tmpfs -o size=60% none /upper
mkdir /upper/data /upper/work
mount -t overlay -o lowerdir=/lower,upperdir=/upper/data,workdir=/upper/work none /host || { echo "lab: no overlay"; poweroff -f; }

mkdir -p /host/vm /host/lib/modules
share run /host/vm rw,cache=none
share modules /host/lib/modules ro,cache=loose
for each in proc sys dev; do mount --move "/$each" "/host/$each"; done
exec switch_root /host /bin/sh /vm/stage2.sh
