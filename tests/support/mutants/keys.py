"""One-line bugs in whose key a call uses, each of which a test has to notice."""

from support.mutants.traps import mutant

CREDENTIALS = "pipeline/credentials/credentials.py"
LOOKUPS = "pipeline/credentials/lookups.py"
RESOLVER = "pipeline/credentials/resolver.py"
ROTATION = "pipeline/credentials/key_rotation.py"
CALL = "pipeline/call.py"

KEYS = "tests/pipeline/test_credentials.py"
FURTHER = "tests/pipeline/test_further_keys.py"
DERIVED = "tests/pipeline/test_call.py::test_a_derived_call_keeps_every_other_field"
TOLD = f"{KEYS}::test_a_failed_lookup_is_told_by_the_class_of_its_error"

MUTANTS = [
    mutant(
        "K1", "`None` is treated as no opinion", CREDENTIALS,
        "(not answer or call.deployment.traits.needs_credential)",
        "call.deployment.traits.needs_credential",
        f"{KEYS}::test_where_a_tenant_has_no_key_nothing_is_sent",
    ),
    mutant(
        "K1", "a tenant without a key uses ours", ROTATION,
        "for held in answer)\n",
        "for held in answer or (SHARED,))\n",
        f"{KEYS}::test_where_a_tenant_has_no_key_nothing_is_sent",
    ),
    mutant(
        "K1", "a conversation leaves the account of our tokens", ROTATION,
        "digest = account_digest_of(call.deployment.provider)", "digest = hash",
        "tests/pipeline/test_credential_keys.py::"
        "test_a_conversation_stays_with_tokens_of_ours_whatever_stands_for_them",
    ),
    mutant(
        "K2", "a resolver that fails is a missing key", LOOKUPS,
        "    return CredentialLookupError(",
        "    return __import__('ranvier').CredentialMissingError(",
        f"{KEYS}::test_a_failing_resolver_is_asked_again",
    ),
    mutant(
        "K2", "the text of a resolver's error is shown", LOOKUPS,
        "                what = type(lookup.error).__name__",
        "                what = str(lookup.error)",
        TOLD,
    ),
    mutant(
        "K2", "nobody hears of a resolver that fails", LOOKUPS,
        "                    _announce_failed(call, cause)",
        "                    pass",
        TOLD,
    ),
    mutant(
        "K2", "a resolver of other arguments is noticed by the first call", RESOLVER,
        '    validation.check_takes("credentials", resolver, "tenant", "provider")',
        "    pass",
        f"{KEYS}::test_a_resolver_of_other_arguments_is_refused",
    ),
    mutant(
        "K3", "a resolver is asked for newer keys without end", CREDENTIALS,
        "        if target in record.looked_up_again or",
        "        if",
        f"{FURTHER}::test_the_resolver_is_asked_once_more_by_a_call_at_a_target",
    ),
    mutant(
        "K3", "a cancelled second lookup is no newer key", CREDENTIALS,
        "        except CredentialLookupError:",
        "        except BaseException:",
        f"{FURTHER}::test_a_call_cancelled_in_its_second_lookup_is_cancelled",
    ),
    mutant(
        "K3", "a key that another call found rejected skips the target", CREDENTIALS,
        "(rejected or _rejected_in_another_call(error))",
        "rejected",
        f"{FURTHER}::test_a_call_with_a_key_that_another_call_found_rejected_uses_the_newer_one",
    ),
    mutant(
        "K4", "a key that the resolver no longer returns is tried", ROTATION,
        "            self._turns.pop(holder, None)",
        "            pass",
        f"{FURTHER}::test_a_key_that_is_no_longer_the_tenants_is_not_tried",
    ),
    mutant(
        "K4", "a key that was forgotten is tried", CREDENTIALS,
        "        self._turns.forget(tenant, provider)",
        "        pass",
        f"{FURTHER}::test_a_call_in_flight_does_not_try_a_key_that_was_forgotten_meanwhile",
    ),
    mutant(
        "K4", "a call waits for its key though another is free", "errors/rejected.py",
        '        self.about_key = reason != "overloaded"',
        "        self.about_key = False",
        f"{FURTHER}::test_a_call_whose_key_is_limited_while_it_waits_goes_on_with_another",
    ),
    mutant(
        "K5", "further keys cost nothing", CREDENTIALS,
        "self._turns.tried(call) < 2",
        "self._turns.tried(call) < 9",
        f"{FURTHER}::test_further_keys_after_the_first_count_against_the_retry_budget",
    ),
    mutant(
        "K6", "our key is the tenant's where the resolver names it", ROTATION,
        "UsableKey(key, access is not None or key != own, access)",
        "UsableKey(key, True, access)",
        f"{FURTHER}::test_a_call_knows_whether_its_key_is_the_tenants_own",
    ),
    mutant(
        "K6", "a derived call forgets whose key it has", CALL,
        "        call.tenants_key, call.access = self.tenants_key, self.access",
        "        call.access = self.access",
        f"{DERIVED}[again]",
    ),
    mutant(
        "K6", "a derived call forgets the endpoint of its tenant", CALL,
        "        call.tenants_key, call.access = self.tenants_key, self.access",
        "        call.tenants_key = self.tenants_key",
        f"{DERIVED}[again]",
    ),
    mutant(
        "K6", "endpoints with the same key share gates", "pipeline/credentials/identity.py",
        "    return hash(call.access or call.credential)",
        "    return hash(call.credential)",
        "tests/pipeline/test_access.py::test_an_endpoint_has_gates_of_its_own",
    ),
    mutant(
        "K6", "endpoints share a circuit", "pipeline/credentials/identity.py",
        "return name if access is None or access.endpoint is None else",
        "return name if True else",
        "tests/pipeline/test_access.py::test_an_endpoint_has_a_circuit_of_its_own",
    ),
    mutant(
        "K6", "our key in a header replaces that of a tenant", "providers/_wire/additions.py",
        "    if not call.tenants_key:",
        "    if True:",
        "tests/providers/test_tenants_server.py::test_a_key_of_ours_in_a_header_is_never_sent_for_a_tenant",
    ),
    mutant(
        "K6", "our headers leave for the endpoint of a tenant", "providers/_wire/adapter.py",
        "        moved.additions, moved.preparations = Additions(None, None), ()",
        "        pass",
        "tests/providers/test_tenants_server.py::test_nothing_of_ours_leaves_for_the_endpoint_of_a_tenant",
    ),
    mutant(
        "K6", "whose key it is lasts beyond the target", CALL,
        "        call.tenants_key = False",
        "        call.tenants_key = self.tenants_key",
        f"{DERIVED}[to]",
    ),
]  # fmt: skip  # because: a row reads kind, bug, file; line; mutation; tests
"""K1 no key, K2 a resolver that fails, K3 a newer key, K4 another key, K5 the budget, K6 whose key."""
