"""A Prometheus exporter for Amazon Bedrock batch inference jobs."""

__version__ = "0.1.0"
