"""One-line bugs in requests to Azure, and in what users add to requests; a test has to notice each."""

from support.mutants.traps import mutant

AZURE = "providers/azure/adapter.py"
ADDITIONS = "providers/_wire/additions.py"
PORT = "providers/_http/port.py"
PREPARATION = "providers/_wire/preparation.py"

AT_AZURE = "tests/providers/test_azure.py"
ADDED = "tests/providers/test_additions.py"

MUTANTS = [
    mutant(
        "azure", "a key goes out as a bearer token", AZURE,
        'if _is_token(key) else {"api-key": key}', 'if True else {"api-key": key}',
        f"{AT_AZURE}::test_the_version_selects_the_path",
    ),
    mutant(
        "azure", "the classic path has no version", AZURE,
        'return "" if self.api_version is None else f"?api-version={self.api_version}"', 'return ""',
        f"{AT_AZURE}::test_the_version_selects_the_path",
    ),
    mutant(
        "azure", "the name of a deployment ends the path", AZURE,
        "quote(model, safe='')", "model",
        f"{AT_AZURE}::test_the_version_is_in_the_query_and_the_name_is_quoted",
    ),
    mutant(
        "azure", "deployments are not looked up", AZURE,
        "super().known_as(target) or self.deployments.get(target.model)", "super().known_as(target)",
        f"{AT_AZURE}::test_a_listed_deployment_gets_what_its_model_takes",
    ),
    mutant(
        "azure", "a deployment is waited for as its name says, not its model", "presets.py",
        "for each in ids)", "for each in ids[:1])",
        "tests/test_presets.py::test_a_model_in_a_cloud_has_the_time_of_its_public_name",
    ),
    mutant(
        "additions", "a parameter replaces one of the request", PORT,
        "if name not in parse_qs(query)}", "if True}",
        f"{ADDED}::test_the_parameters_of_the_request_stay",
    ),
    mutant(
        "additions", "values are not masked", PORT,
        "secret=secrets_in(self.secret, headers, params),", "secret=self.secret,",
        f"{ADDED}::test_no_error_shows_a_value",
    ),
    mutant(
        "additions", "a function may take for ever", ADDITIONS,
        "asyncio.timeout(MAX_SECONDS)", "asyncio.timeout(None)",
        f"{ADDED}::test_a_function_that_hangs_ends_after_a_while",
    ),
    mutant(
        "additions", "the reply of a rejected request stays open", PREPARATION,
        "    except BaseException:\n        await reply.aclose()\n", "    except BaseException:\n",
        f"{ADDED}::test_a_step_that_fails_leaves_no_reply_open",
    ),
]  # fmt: skip
