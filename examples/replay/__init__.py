"""A year of real grocery baskets, played through the public HTTP API.

``python -m examples.replay`` takes a slice of 84.51°'s "The Complete Journey" (2,469 households,
155,848 baskets, 27 coupon campaigns, 2017) and lets it happen on a sandbox server: households
enrol, tills post their baskets, marketing runs the coupon campaigns, shoppers redeem.

``data`` reads the slice, ``plan`` turns it into a timeline of actions, ``run`` carries the
timeline out and ``report`` says what came of it. The first two are pure: the same options give
the same timeline.
"""
