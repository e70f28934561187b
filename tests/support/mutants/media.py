"""One-line bugs in how documents and sound are sent, each of which a test has to notice."""

from support.mutants.traps import mutant

DOCUMENT = "messages/media/document.py"
SENT = "tests/providers/test_media_sent.py"
MEDIA = "tests/messages/test_media.py"

MUTANTS = [
    mutant(
        "M1", "a target is asked for what it does not take", "providers/_wire/media.py",
        "    if kind not in wire.media:",
        "    if False:",
        f"{SENT}::test_a_part_is_sent_to_those_who_take_it",
    ),
    mutant(
        "M1", "a model that does not hear is sent sound", "providers/_models/capabilities.py",
        "    return next((deaf for vendor, starts, deaf in DEAF if _matches(facts, vendor, starts)), False)",
        "    return False",
        f"{SENT}::test_sound_goes_to_models_that_hear",
    ),
    mutant(
        "M1", "a text is no text to a model that takes only text", "providers/_wire/lacking.py",
        "if isinstance(each, (Image, Document, Audio, WirePart)) and not is_text(each):",
        "if isinstance(each, (Image, Document, Audio, WirePart)):",
        f"{SENT}::test_models_of_text_alone_take_documents_of_text_alone",
    ),
    mutant(
        "M2", "texts are sent as documents to those who have none", "providers/_history/history.py",
        "everywhere=TEXTS not in wire.media)",
        "everywhere=False)",
        f"{SENT}::test_a_text_goes_to_everyone",
    ),
    mutant(
        "M2", "a text in the result of a tool stays a document", "providers/_history/history.py",
        "    return type(part.content) is not str and any(isinstance(each, Document) for each in part.parts)",
        "    return False",
        f"{SENT}::test_a_text_in_a_result_and_in_instructions_is_never_lost",
    ),
    mutant(
        "M2", "a name may end the tag that it is in", DOCUMENT,
        "escape(self.name)",
        "self.name",
        f"{MEDIA}::test_the_text_of_a_document_is_marked_with_its_name",
    ),
    mutant(
        "M2", "sound goes to the API that has none", "providers/responses/fields.py",
        "        isinstance(each, Audio)\n        or ",
        "        ",
        f"{SENT}::test_sound_goes_to_models_that_hear",
    ),
    mutant(
        "M2", "Gemini is shown sound within a result", "providers/gemini/wire.py",
        " and not isinstance(part, Audio)",
        "",
        f"{SENT}::test_media_in_a_result_are_sent_by_the_same_rule",
    ),
    mutant(
        "M2", "a name is lost in silence", "providers/gemini/media.py",
        '        part_fields.leave_out("name")\n',
        "        pass\n",
        f"{SENT}::test_a_name_that_is_not_that_of_the_url_is_left_out_with_an_event",
    ),
    mutant(
        "M3", "bytes that are no text are taken for one", DOCUMENT,
        '    if "\\0" in text:',
        "    if False:",
        f"{MEDIA}::test_a_mistake_is_told_at_once",
    ),
    mutant(
        "M3", "what may be a key in a URL is shown", "messages/media/sources.py",
        '    return url.partition("?")[0].partition("#")[0]',
        "    return url",
        f"{MEDIA}::test_no_content_is_shown",
    ),
    mutant(
        "M3", "a PDF counts against a window", "messages/size.py",
        "    if isinstance(part, (Text, Document)):\n        return len(part.text)",
        "    if isinstance(part, Document):\n        return len(part.data or b'')\n"
        "    if isinstance(part, Text):\n        return len(part.text)",
        f"{MEDIA}::test_the_text_of_documents_counts_as_text",
    ),
]  # fmt: skip
