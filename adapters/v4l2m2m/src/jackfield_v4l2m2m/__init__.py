"""Video encoding and decoding by the codecs of small boards (V4L2 memory-to-memory) for Jackfield."""
