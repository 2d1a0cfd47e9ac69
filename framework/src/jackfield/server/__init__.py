"""The embedded server: a service that says who may join, and an SFU that forwards media. Imports no client code."""
