"""A simulated AWS: moto's server with batch inference jobs, and a fleet of jobs that lives."""
