# What a node has for itself. $1: its resolv.conf, $2: the cgroup of its services, from its root on, $3: the machine's
# cgroup v2, $4: where that stays.
set -e
resolv=$(readlink -f /etc/resolv.conf)
mkdir -p /var/lib/containers
for dir in /run /dev/shm /var/lib/containers; do
    mount -t tmpfs tmpfs "$dir"
done
mkdir -p "$4" "$(dirname "$resolv")"
[ -e "$resolv" ] || : >"$resolv"
mount --bind "$1" "$resolv"
mount --bind "$3" "$4"
umount --recursive --lazy /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir -p "/sys/fs/cgroup/$2" /sys/fs/cgroup/kubepods /sys/fs/cgroup/libpod_parent
echo $$ >"/sys/fs/cgroup/$2/cgroup.procs"
# Podman hands controllers down, and gives up where there are none: a testbed's cgroups have none.
for dir in . libpod_parent; do
    mount --bind /dev/null "/sys/fs/cgroup/$dir/cgroup.subtree_control"
done
mount -t bpf bpf /sys/fs/bpf
echo ready
exec sleep infinity
