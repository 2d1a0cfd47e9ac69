"""A USB webcam with a microphone that exists in software alone: spoken over usbip to the kernel's virtual host
controller (``vhci-hcd``), so that the real ``uvcvideo`` and ``snd-usb-audio`` drive it and udev sees a real device.

Runs inside the VM as a process of its own; `tests.lab.vm.camera.FakeCamera` starts and commands it.
"""
