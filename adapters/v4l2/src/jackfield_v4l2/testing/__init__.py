"""Cameras that are not there: a fake of the kernel's side of V4L2, held to the same contract as real drivers."""

from jackfield_v4l2.testing.camera import FakeCamera, FakeControl
from jackfield_v4l2.testing.kernel import FakeKernel
from jackfield_v4l2.testing.nodes import FakeNodes
