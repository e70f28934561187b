"""One-line bugs in the providers by an SDK's client, each of which a test has to notice."""

from support.mutants.traps import mutant

ERROR_BODY = "providers/sdk/error_body.py"
EXCHANGE = "providers/sdk/exchange.py"
POSTING = "providers/sdk/posting.py"
USERS_CLIENT = "providers/_http/httpx_engine/users_client.py"

TESTS = "tests/providers/test_clients_of_sdks.py"

MUTANTS = [
    mutant(
        "I6",
        "the SDK retries too",
        POSTING,
        "client.with_options(max_retries=0, http_client=watched(http))",
        "client.with_options(http_client=watched(http))",
        f"{TESTS}::test_each_try_is_one_request",
    ),
    mutant(
        "I6",
        "a request goes out in the name of another tenant",
        EXCHANGE,
        "    if exchange.other_key and not any(",
        "    if False and not any(",
        f"{TESTS}::test_a_key_that_the_client_would_not_send_is_refused",
    ),
    mutant(
        "I6",
        "a token stands in an error",
        EXCHANGE,
        "    exchange.request.secret = secrets_in(exchange.request.secret, sent)  # a token, for example",
        "    secrets_in(exchange.request.secret, sent)",
        f"{TESTS}::test_a_token_is_masked_where_a_server_repeats_it",
    ),
    mutant(
        "I7",
        "an error is unpacked without a limit",
        ERROR_BODY,
        "                left -= len(piece)",
        "                left -= 0",
        f"{TESTS}::test_of_an_error_only_the_start_is_read",
    ),
    mutant(
        "I7",
        "an error that breaks off is a failed connection",
        ERROR_BODY,
        "    except (library.HTTPError, library.StreamError, DecodingError, OSError):",
        "    except DecodingError:",
        f"{TESTS}::test_an_error_that_breaks_off_is_still_that_error",
    ),
    mutant(
        "I7",
        "the end of a copy closes the client of the user",
        USERS_CLIENT,
        '    if hasattr(kind, "__del__"):',
        "    if False:",
        f"{TESTS}::test_the_connection_of_the_client_stays_open",
    ),
]
