"""The rig of the end-to-end tests: processes, sinks, OTLP messages, raw sockets and load."""
