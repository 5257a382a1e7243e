"""Events between services: who hears what, and how a consumer survives a bad one.

`shared.events.topology` and `shared.events.dead_letters` know no nameko; `shared.events.handler` is
for service classes. Nothing is imported here, so that the relay does not load nameko.
"""
