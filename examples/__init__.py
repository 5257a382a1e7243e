"""Programs that use a running platform through its public HTTP API, as a customer's would."""
