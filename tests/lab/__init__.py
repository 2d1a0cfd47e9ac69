"""The laboratory: what tests need of the machine, and the servers, browsers and networks that they run against."""
