"""What is kept of people, handing it out to them, and forgetting it (M6).

`register` is the one place that names every value kept about a member, in every service. Export
(`pages`, `exporting`, `document`) and erasure (`erasing`) read it and nothing else, so that what
one of them knows the other knows too. `tests/integration/privacy` holds it against the tables.
"""
