"""What schemathesis makes up for the scalars of the schema, and what it asks of every response."""

import collections
import datetime
import json
import os

import schemathesis
from hypothesis import strategies
from schemathesis.graphql import nodes

# Mostly what is meant, and sometimes what is not: around the edges, and of other types.
EDGES = [-1, 0, 1, 2**31, 2**53 - 1, 2**53, 2**63 - 1, 2**64, 10**30, 8_640_000_000_000_000, 8_640_000_000_000_001]
nonsense = strategies.one_of(
    strategies.sampled_from(EDGES).map(nodes.Int),
    strategies.text(max_size=8).map(nodes.String),
    strategies.floats(allow_nan=False, allow_infinity=False).map(nodes.Float),
)


def mostly(meant):
    return strategies.integers(0, 9).flatmap(lambda number: nonsense if number == 9 else meant)


numbers = strategies.integers(0, 5)
moments = strategies.integers(1_700_000_000_000, 4_102_444_800_000)
schemathesis.graphql.scalar("Long", mostly(numbers.map(nodes.Int) | numbers.map(str).map(nodes.String)))
dates = strategies.datetimes(datetime.datetime(2024, 1, 1), datetime.datetime(2099, 1, 1))
texts = moments.map(str) | dates.map(lambda date: date.isoformat() + "+01:00")
schemathesis.graphql.scalar("Timestamp", mostly(moments.map(nodes.Int) | texts.map(nodes.String)))

# Nothing that schemathesis sends may bring these about.
FAULTS = {"INTERNAL", "OVERLOADED", "RATE_LIMITED", "UNAUTHENTICATED", "FORBIDDEN"}


@schemathesis.check
class answers:
    """Every response is a GraphQL one and tells of no failure of the server; every operation succeeds at times."""

    def __init__(self):
        self.outcomes = collections.defaultdict(collections.Counter)

    def after_response(self, ctx, response, case):
        outcome = outcome_of(response)
        valid = case.meta.generation.mode.is_positive
        assert not (valid and outcome.startswith("GRAPHQL_")), f"a valid document has failed with {outcome}"
        self.outcomes[case.operation.label][outcome] += 1

    def after_run(self, ctx):
        with open(os.environ["PROMOLINK_OUTCOMES"], "w", encoding="utf-8") as file:
            json.dump(self.outcomes, file)
        never = [operation for operation, outcomes in self.outcomes.items() if not outcomes["data"]]
        assert not never, f"these have never succeeded, so that little of them was tested: {', '.join(never)}"


def outcome_of(response):
    """The first error code, or "data" if there is no error."""
    assert response.status_code < 500, f"the status is {response.status_code}"
    media_type = response.headers.get("content-type", ["none"])[0].split(";")[0]
    assert media_type in ("application/json", "application/graphql-response+json"), f"the media type is {media_type}"
    body = response.json()
    assert isinstance(body, dict) and ("data" in body or "errors" in body), "the body is no GraphQL response"
    if "errors" not in body:
        return "data"
    codes = [error["extensions"]["code"] for error in body["errors"]]
    assert codes, "the list of errors is empty"
    assert not FAULTS.intersection(codes), f"the error codes are {codes}"
    return codes[0]
