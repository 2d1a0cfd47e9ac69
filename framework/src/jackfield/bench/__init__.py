"""What `jackfield bench` measures: latency, CPU and joining, each beside a peer in the same run."""
