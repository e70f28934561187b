"""All mutations, of every module of this package and of the simulation."""

from importlib.util import find_spec

from simulation.mutants import MUTANTS as OF_INVARIANTS
from support.mutants.adaptive import MUTANTS as OF_ADAPTIVE
from support.mutants.azure import MUTANTS as OF_AZURE
from support.mutants.balance import MUTANTS as OF_BALANCES
from support.mutants.bedrock import MUTANTS as OF_BEDROCK
from support.mutants.chaos import MUTANTS as OF_CHAOS
from support.mutants.clients import MUTANTS as OF_CLIENTS
from support.mutants.finishes import MUTANTS as OF_FINISHES
from support.mutants.fleet import MUTANTS as OF_THE_FLEET
from support.mutants.foreign_code import MUTANTS as OF_FOREIGN_CODE
from support.mutants.foreign_leaks import MUTANTS as OF_FOREIGN_LEAKS
from support.mutants.gates import MUTANTS as OF_GATES
from support.mutants.hedges import MUTANTS as OF_HEDGES
from support.mutants.keys import MUTANTS as OF_KEYS
from support.mutants.langchain import MUTANTS as OF_LANGCHAIN
from support.mutants.lifecycle import MUTANTS as OF_LIFECYCLE
from support.mutants.mapping import MUTANTS as OF_MAPPING
from support.mutants.media import MUTANTS as OF_MEDIA
from support.mutants.mistakes import MUTANTS as OF_MISTAKES
from support.mutants.opaque import MUTANTS as OF_OPAQUE
from support.mutants.options import MUTANTS as OF_OPTIONS
from support.mutants.pacing import MUTANTS as OF_PACING
from support.mutants.rates import MUTANTS as OF_RATES
from support.mutants.reloads import MUTANTS as OF_RELOADS
from support.mutants.replies import MUTANTS as OF_REPLIES
from support.mutants.reporting import MUTANTS as OF_REPORTING
from support.mutants.responses import MUTANTS as OF_RESPONSES
from support.mutants.routes import MUTANTS as OF_ROUTES
from support.mutants.saved import MUTANTS as OF_SAVED
from support.mutants.services import MUTANTS as OF_SERVICES
from support.mutants.shared_circuits import MUTANTS as OF_SHARED_CIRCUITS
from support.mutants.shares import MUTANTS as OF_SHARES
from support.mutants.slices import MUTANTS as OF_SLICES
from support.mutants.spend import MUTANTS as OF_SPENDING
from support.mutants.stores import MUTANTS as OF_STORES
from support.mutants.sync import MUTANTS as OF_SYNC
from support.mutants.tokens import MUTANTS as OF_TOKENS
from support.mutants.transport import MUTANTS as OF_TRANSPORTS
from support.mutants.traps import MUTANTS as OF_TRAPS

MUTANTS = (
    *OF_CHAOS,
    *OF_CLIENTS,
    *OF_ADAPTIVE,
    *OF_FINISHES,
    *OF_AZURE,
    *OF_BALANCES,
    *OF_BEDROCK,
    *OF_FOREIGN_CODE,
    *OF_FOREIGN_LEAKS,
    *OF_GATES,
    *OF_HEDGES,
    *OF_KEYS,
    *(OF_LANGCHAIN if find_spec("langchain_tests") else ()),
    *OF_LIFECYCLE,
    *OF_THE_FLEET,
    *OF_MAPPING,
    *OF_OPAQUE,
    *OF_MEDIA,
    *OF_MISTAKES,
    *OF_OPTIONS,
    *OF_PACING,
    *OF_RATES,
    *OF_REPLIES,
    *OF_RELOADS,
    *OF_REPORTING,
    *OF_RESPONSES,
    *OF_ROUTES,
    *OF_SAVED,
    *OF_SERVICES,
    *OF_SHARED_CIRCUITS,
    *OF_SHARES,
    *OF_SLICES,
    *OF_SPENDING,
    *OF_STORES,
    *OF_SYNC,
    *OF_TOKENS,
    *OF_TRANSPORTS,
    *OF_TRAPS,
    *OF_INVARIANTS,
)
"""Those of LangChain only where it is installed: `nox -s langchain` runs them."""
