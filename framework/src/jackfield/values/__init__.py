"""What everything speaks in: frames, formats, devices, settings, errors, events. Imports no native library."""
