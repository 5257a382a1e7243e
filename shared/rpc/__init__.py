"""Remote calls over RabbitMQ: nameko's wire protocol, served by nameko, called without it.

`shared.rpc.client` is for the gateway and knows kombu only; `shared.rpc.server` and
`shared.rpc.runner` are for service processes. Nothing is imported here, so that the one never drags
in the other.
"""
