"""The limits of a store: times in milliseconds, and maximum numbers. The Lua scripts use the same ones."""

DAY = 86_400_000
"""The longest duration that a worker can report; only isolations last longer."""

LEASE_LIVES = 3_000
"""Without a heartbeat for this time, a lease ends and a worker counts as gone."""

HALF = 5_000
"""The minimum length of a half; it ends then if enough tenants voted to open the circuit."""

LONGEST_HALF = 150_000
"""The maximum length of a half; it ends then with any number of votes."""

MAX_VOTERS = 1_024
"""Maximum number of tenants counted in a half; of more tenants, a sample votes, chosen by digest."""

ENOUGH_VOTERS = 256
"""A sample that is too small is widened towards this number of voters."""

WIDENS_AFTER = 500
"""The time from an alarm, or from the last widening, to the next widening: workers need it to report."""

MAX_COUNTS = 32_768
"""Maximum number of counts in a half, over all workers and tenants; beyond that the sample is halved."""

MAX_SAMPLE = 2_147_483_648
"""The smallest sample: one tenant of this many."""

MAX_COUNTED = 2_147_483_647
"""The largest count of contents or failures that one worker can report for a tenant."""

MAX_NUMBER = 9_007_199_254_740_991
"""The largest whole number that a script counts exactly."""

KEEP_CIRCUIT = DAY
"""A circuit is dropped after this time without a command; it is closed then."""

KEEP_ISOLATED = 365 * DAY
"""The longest isolation; usually an operator resets it earlier."""

KEEP_COUNTS = 600_000
"""Counts of a half are dropped after this time without a report."""

KEEP_WORKER = DAY
"""The counters of a worker that is gone are kept for this time, in case it was only suspended."""

KEEP_SPENT = 60_000
"""The slices of a spend limit are kept for this time after the end of their window."""

KEEP_FLEET = 365 * DAY
"""Data of all workers together, such as the counters, are dropped this long after the last heartbeat."""

LEAST_EXTENSION = 250
"""A closing must extend the previous one by at least this time, so that not every worker pushes one."""

MAX_TROUBLES = 100_000
"""Maximum number of circuits, gates and tenants tracked for `Look`; beyond that, the oldest are dropped."""

MAX_LOOKED = 1_000
"""Maximum number of changes in one reply to `Look`, and of workers in one reply to `ReadFleet`."""

MAX_SPENDERS = 1_000_000
"""Maximum number of (limit, tenant, window) records in a store in memory."""

MAX_SUMS = 10_000
"""Maximum number of counter names, over all workers."""

MAX_GAUGES = 1_000
"""Maximum number of gauges of one worker."""
