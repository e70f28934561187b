"""A script as a file: what it may say, and how it is told what is wrong."""

import json

import pytest

from ranvier.errors import ConfigurationError
from ranvier.simulator import Cut, Rule, SetCookie, Silence, Slow, Status
from ranvier.simulator.script_file import parse, read

SCRIPT = """
latency = 0.3
pace = 0.02

[[rules]]
fault = { kind = "Status", status = 503 }
provider = "openai"
start = 5
end = 13

[[rules]]
fault = "Silence"
cycle = [2, 3]

[[rules]]
fault = ["SetCookie", { kind = "Cut", after = 1 }]
probability = 0.05
"""


def test_a_file_in_toml(tmp_path):
    """Everything that a rule can say can be written down."""
    path = tmp_path / "script.toml"
    path.write_text(SCRIPT)
    script = read(path)
    assert (script.latency, script.pace) == (0.3, 0.02)
    assert script.rules == [
        Rule(Status(503), provider="openai", start=5, end=13),
        Rule(Silence(), cycle=(2, 3)),
        Rule(SetCookie() & Cut(after=1), probability=0.05),
    ]


def test_a_file_in_json(tmp_path):
    """The same as JSON."""
    path = tmp_path / "script.json"
    path.write_text(json.dumps({"rules": [{"fault": {"kind": "Slow", "pace": 0.1}}]}))
    assert read(path).rules == [Rule(Slow(pace=0.1))]


def test_a_fault_may_be_one_already():
    """Data made in Python may hold faults as they are."""
    assert parse({"rules": [{"fault": Cut()}]}).rules == [Rule(Cut())]


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        ({"ruless": []}, "ruless: Extra inputs are not permitted"),
        ({"latency": -1}, "latency: Input should be greater than or equal to 0"),
        ({"rules": [{"provider": "openai"}]}, r"rules\[0\].fault: Field required"),
        ({"rules": [7]}, r"rules\[0\]: "),
        ({"rules": [{"fault": "Sillence"}]}, r"rules\[0\]: .*kind='Sillence' is not one of .*Silence"),
        ({"rules": [{"fault": 7}]}, r"rules\[0\]: .*kind=None is not one of"),
        ({"rules": [{"fault": {"kind": "Cut", "aftr": 1}}]}, r"rules\[0\]: .*Cut: aftr: Unexpected keyword"),
        ({"rules": [{"fault": {"kind": "Status"}}]}, r"rules\[0\]: .*Status: status: Field required"),
        ({"rules": [{"fault": {"kind": "Status", "status": 200}}]}, r"Status: .*status=200"),
        ({"rules": [{"fault": "Cut", "first": 0}]}, r"rules\[0\]: .*first=0"),
        ({"rules": [{"fault": "Cut"}, {"fault": "Cut", "end": "late"}]}, r"rules\[1\].end: "),
        ({"rules": [{"fault": "Cut", "providr": "openai"}]}, r"rules\[0\].providr: Unexpected keyword"),
    ],
)
def test_what_is_wrong_is_told_by_its_place(data, complaint):
    """A mistake is refused with the place in the file and the reason."""
    with pytest.raises(ConfigurationError, match=complaint) as refused:
        parse(data)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("name", "text"), [("a.toml", "rules = ["), ("a.json", "{"), ("b.json", "[]")])
def test_a_file_that_is_no_script(tmp_path, name, text):
    """Broken syntax, or anything but a table, is refused by the file's name."""
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=name):
        read(path)


def test_a_file_that_is_not_there(tmp_path):
    """A missing file is refused by its name."""
    with pytest.raises(ConfigurationError, match="nowhere"):
        read(tmp_path / "nowhere.toml")
