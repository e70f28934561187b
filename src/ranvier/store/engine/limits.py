"""The limits of a store, in milliseconds and in numbers. The scripts on a server get the same ones."""

DAY = 86_400_000
"""Nothing that a worker reports lasts longer, except isolations."""

LEASE_LIVES = 3_000
"""A lease is over so long after the last heartbeat of its holder, and a worker counts as gone."""

HALF = 5_000
"""After so long a half may end, if as many tenants voted in it as could open the circuit."""

LONGEST_HALF = 150_000
"""After so long it ends with any number of them."""

MAX_VOTERS = 1_024
"""Tenants to count in a half. Where there are more, a sample of them votes, chosen by their digests."""

ENOUGH_VOTERS = 256
"""Towards so many voters a sample is widened, if they are too few."""

WIDENS_AFTER = 500
"""So long after an alarm, or after the last time: then the workers have reported."""

MAX_COUNTS = 32_768
"""Counts to keep in a half, of all workers and tenants; above that the sample is halved, too."""

MAX_SAMPLE = 2_147_483_648
"""The sample is never smaller than one tenant of so many."""

MAX_COUNTED = 2_147_483_647
"""Contents or failures of one tenant, as one worker reports them."""

MAX_NUMBER = 9_007_199_254_740_991
"""The largest whole number that a script counts exactly."""

KEEP_CIRCUIT = DAY
"""A circuit that nobody asks for is forgotten after this: then it is closed."""

KEEP_ISOLATED = 365 * DAY
"""An isolation lasts until it is reset, and at most so long."""

KEEP_COUNTS = 600_000
"""Counts of a half are dropped after this without any report."""

KEEP_WORKER = DAY
"""The sums of a worker that is gone are remembered for so long, in case it was only stopped."""

KEEP_SPENT = 60_000
"""What workers hold of a spend limit is remembered so long after the end of its window."""

KEEP_FLEET = 365 * DAY
"""What belongs to no worker alone, such as the counters, is dropped so long after the last heartbeat."""

LEAST_EXTENSION = 250
"""A gate is not closed again for less than so much longer, so that many workers do not all push that."""

MAX_TROUBLES = 100_000
"""Circuits and gates that a `Look` may show; above that those that changed first are left out."""

MAX_LOOKED = 1_000
"""What one `Look` shows, and one `ReadFleet` of the workers."""

MAX_SPENDERS = 1_000_000
"""Tenants that spend, of all limits and windows together, that a store in memory remembers."""

MAX_SUMS = 10_000
"""Counters of all workers together, by name."""

MAX_GAUGES = 1_000
"""Gauges of one worker."""
