"""One-line bugs in spend limits that workers share, each of which a test has to notice."""

from support.mutants.traps import mutant

ENGINE = "store/engine/spending.py"
SCRIPT = "store/valkey/scripts/take_slice.lua"
LINK = "fleet/spending/spend_link.py"
MEMBER = "fleet/member.py"
FUND = "layers/spend_limit/fund.py"

RULES = "tests/store/test_store_spending.py"
LOSSES = f"{RULES}::TestLosses"
BOTH = "tests/store/test_same_replies.py::test_spend_limits_are_leased_alike"
SHARED = "tests/fleet/test_shared_spending.py"

MUTANTS = [
    mutant(
        "SL1", "what a worker has forgotten is given to others", ENGINE,
        "    forgotten = before.held if command.anew or not same else before.held - before.granted",
        "    forgotten = 0",
        LOSSES,
    ),
    mutant(
        "SL1", "the script forgets it, too", SCRIPT,
        "(ARGV[12] == '1' or not same) and held or held - granted",
        "0",
        BOTH,
    ),
    mutant(
        "SL2", "a command that comes twice takes twice", ENGINE,
        "        if command.number > mine.number:",
        "        if True:",
        f"{RULES}::test_the_same_number_again_changes_nothing",
    ),
    mutant(
        "SL3", "a worker is cut while it spends", ENGINE,
        "    if command.wanted:  #",
        "    if False:  #",
        f"{RULES}::test_what_is_not_spent_is_given_back",
    ),
    mutant(
        "SL4", "what was granted after the caller had gone is kept", LINK,
        "        if leased.left >= self._unit or leased.unsure:",
        "        if False:",
        f"{SHARED}::test_a_call_cancelled_at_any_moment_holds_nothing",
    ),
    mutant(
        "SL5", "what was spent without the store is not reported", LINK,
        "            self._slices.unreported[tenant] = leased",
        "            pass",
        f"{SHARED}::test_what_was_spent_without_it_counts_when_it_is_back",
    ),
    mutant(
        "SL6", "a worker that ends keeps its slices", MEMBER,
        "        commands = [*self.give_back(), last,",
        "        commands = [last,",
        f"{SHARED}::test_a_worker_that_leaves_gives_back_what_it_has_not_spent",
    ),
    mutant(
        "SL7", "without the store each worker has the whole limit", FUND,
        "limit // link.workers",
        "limit",
        f"{SHARED}::test_when_it_is_lost_a_worker_spends_its_slice_and_then_follows_the_setting",
    ),
    mutant(
        "SL8", "a call is rejected because the store is lost", FUND,
        "        if self.goes_on and (alone or not link.governs):",
        "        if False:",
        f"{SHARED}::test_no_call_waits_longer_than_a_quarter_of_a_second",
    ),
    mutant(
        "SL9", "every call asks the store", LINK,
        "        elif leased.left < max(usual // 2, amount) and self._may_ask(leased):",
        "        elif False:",
        f"{SHARED}::test_only_the_first_call_waits_for_the_store",
    ),
    mutant(
        "SL10", "a burst is held to a slice", LINK,
        "        least = self._needs[leased.tenant]",
        "        least = 0",
        f"{SHARED}::test_a_burst_at_one_worker_is_not_held_to_a_slice",
    ),
    mutant(
        "SL11", "a heartbeat gives back what calls wait for", LINK,
        "each.asking is None and each.tenant not in self._needs",
        "each.asking is None",
        f"{SHARED}::test_what_calls_wait_for_is_not_given_back",
    ),
    mutant(
        "SL12", "a worker that stood still counts the store as lost", "fleet/patience.py",
        "PARTS = 8",
        "PARTS = 1",
        f"{SHARED}::test_an_event_loop_that_stood_still_has_its_grants",
    ),
    mutant(
        "SL13", "what a question is granted when its worker ends is lost", LINK,
        "            if leased.unsure or leased.spent != leased.held:",
        "            if leased.left:",
        "tests/fleet/test_spending_given_back.py",
    ),
]  # fmt: skip
