"""What `jackfield bench` measures: latency, CPU, joining, a server under load, each beside its peer in one run."""
