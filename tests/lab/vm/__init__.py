"""A virtual machine for hardware tests: the kernel's real V4L2, USB and ALSA drivers on this machine's own root file
system, emulated (TCG), so that it needs neither KVM nor a device. `make lab` runs every test marked ``vm`` in it."""
