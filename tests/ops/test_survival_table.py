"""The runbook's tables "What we survive" quote the service, and tests show every row."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
RUNBOOK = ROOT / "config" / "runbook.md"

TROUBLE = "ops/test_database_trouble.py::test_the_cause_is_named_within_a_minute"
"""Page, `status` and /readyz name the cause, in one state after another."""
SURVIVED = "service/test_what_we_survive.py::test_a_fault_is_survived_whenever_it_strikes"
SHOWN_BY: dict[str, tuple[str, ...]] = {
    "server down": (TROUBLE, "service/test_faults.py::test_the_service_outlives_a_restart_of_the_server"),
    "server or link frozen": (TROUBLE, "service/test_faults.py::test_frozen_pool_connections_are_abandoned"),
    "failover": (TROUBLE, "chaos/test_failover.py::test_work_goes_on_after_a_failover"),
    "commits lost in a failover": (
        "chaos/test_failover.py::test_work_goes_on_after_a_failover",
        "db/test_lease_faults.py::test_a_token_is_not_given_out_twice_after_lost_commits",
    ),
    "synchronous standby lost": (
        "service/test_interruptions.py::test_a_lost_synchronous_standby_costs_no_job_anything",
    ),
    "login refused": (TROUBLE, "service/test_server_faults.py::test_a_rotated_login_is_taken_from_its_file"),
    "role or grants lost": (TROUBLE, "ops/test_database_trouble.py::test_lost_grants_show_although_claims_go_through"),
    "schema renamed": (TROUBLE,),
    "no connection free": (
        TROUBLE,
        "service/test_pooler.py::test_a_pooler_that_fills_up_while_we_run_is_waited_for",
        "service/test_courtesy.py::test_b15_nothing_is_claimed_while_the_server_is_crowded",
    ),
    "disk full": (TROUBLE, "service/test_server_faults.py::test_no_refusal_of_the_server_ends_the_service"),
    "statement cancelled": (TROUBLE, "service/test_interruptions.py::test_statement_timeouts_never_end_a_job"),
    "lock held by others": (TROUBLE, SURVIVED),
    "backend cut": (SURVIVED, "ops/test_database_trouble.py::test_a_session_cut_once_is_a_warning_for_a_minute"),
    "hostile defaults": ("db/test_session_settings.py::test_the_service_works_under_hostile_defaults",),
    "pooler that drops": ("db/test_session_settings.py::test_a_pooler_that_drops_settings_is_named",),
    "`background_jobs` emptied": (
        "service/test_interruptions.py::test_an_id_that_came_again_is_told_in_the_log",
        "db/test_lease_faults.py::test_check_knows_that_job_ids_will_come_again",
    ),
    "database not in UTF-8": ("db/test_seeds.py::test_an_encoding_other_than_utf8_is_named",),
    "rows of our schema missing": ("db/test_seeds.py::test_a_missing_seed_is_named_and_put_back",),
    "killed": (SURVIVED, "service/test_processes.py::test_kill_9_in_mid_job_is_recovered_within_the_lease"),
    "frozen for longer": ("service/test_processes.py::test_a_frozen_process_changes_nothing_when_it_resumes",),
    "stderr blocked": ("service/test_start_and_stop.py::test_a_stderr_without_a_reader_holds_up_nothing",),
    "machine suspended": ("service/test_suspended.py::test_a_machine_suspended_past_its_lease_calls_nobody",),
    "wall clock set": (SURVIVED, "runtime/test_cron.py::test_a_clock_set_back_ticks_on_within_a_minute"),
    "clocks go forward": ("runtime/test_cron.py::test_every_change_of_clocks_ticks_evenly",),
    "midnight": ("service/test_one_company_two_jobs.py::test_a_company_is_worked_on_once_around_midnight",),
    "file descriptors": ("service/test_fault_streak.py::test_three_failures_in_a_row_snooze_the_job",),
    "this host's own way out": ("service/test_own_egress.py::test_a_host_that_is_cut_off_leaves_the_work_to_others",),
    "half-sent requests": (
        SURVIVED,
        "service/test_descriptors.py::test_half_sent_requests_cost_neither_probe_nor_company",
    ),
    "SIGTERM during the start": ("service/test_start_and_stop.py::test_sigterm_during_the_imports_is_exit_0",),
    "`NO_PROXY`": (
        "providers/test_http_client.py::test_a_name_that_breaks_httpx_is_named",
        "db/test_dsn_parameters.py::test_a_parameter_that_the_server_lacks_is_named",
        "cli/test_exit_codes.py::test_run_refuses_with_the_first_failing_line_of_check",
    ),
    "provider away": ("service/test_outage.py::test_an_hour_of_503_fails_no_job_and_costs_no_attempt",),
    "provider refuses us": ("service/test_refusals.py::test_only_probes_are_sent_while_a_provider_blocks_us",),
    "key rotated": (
        "providers/test_rotated_keys.py::test_a_rotated_jina_key_is_taken_at_once",
        "service/test_operator_actions.py::test_a_mended_key_works_right_after_the_restart",
    ),
    "page or search that always fails": (
        "service/test_poison_pages.py::test_a_page_that_answers_503_for_ever_costs_a_few_reads",
    ),
    "search page built to cost": ("providers/test_duckduckgo.py::test_the_loop_goes_on_while_a_page_is_parsed",),
    "odd row in `background_jobs`": ("service/test_odd_rows.py::test_an_odd_row_ends_in_error_between_good_ones",),
    "odd row in a platform table": ("db/test_odd_platform_rows.py::test_odd_moments_of_others_do_not_break_a_save",),
}
"""How the first cell of each row begins, and the tests that show what the row says."""


def said_by_the_code() -> str:
    """Every string of the package; the parts of an f-string stand alone."""
    texts: list[str] = []
    for file in (ROOT / "acra_express_async").rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        found = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
        texts += [value for value in found if isinstance(value, str)]
    return "\n".join(texts)


def section() -> str:
    text = RUNBOOK.read_text(encoding="utf-8")
    return text.split("\n## What we survive\n")[1].split("\n## ")[0]


@pytest.fixture(scope="module")
def code() -> str:
    return said_by_the_code()


def test_every_quoted_sentence_is_one_that_the_code_says(code: str) -> None:
    quoted = re.findall(r'"([^"\n]+)"', section().replace('"Trouble" below', ""))
    assert len(quoted) > 20
    assert [words for words in quoted if words not in code] == []


def test_every_event_and_metric_in_the_table_exists(code: str) -> None:
    known = set(code.split("\n"))
    words = re.findall(r"`([a-z_]+(?:\.[a-z_]+)?)(?:\{[^}]*\})?`", section())
    platform = {"background_jobs", "default_transaction_read_only", "synchronous_standby_names"}
    named = {word for word in words if ("." in word or "_" in word)} - platform
    assert len(named) > 15
    assert {
        name for name in named if name not in known and f"acra_express_{name.removesuffix('_total')}" not in known
    } == set()


def rows() -> list[str]:
    return [line for line in section().splitlines() if line.startswith("| ") and not line.startswith("| fault")]


def test_every_row_is_shown_by_a_test_that_exists() -> None:
    faults = [row.removeprefix("| ") for row in rows()]
    begun = sorted(SHOWN_BY, key=len, reverse=True)  # "commits lost in a failover" before "failover"
    met = [next((start for start in begun if fault.startswith(start)), fault) for fault in faults]
    assert sorted(met) == sorted(SHOWN_BY)
    for named in SHOWN_BY.values():
        for test in named:
            file, _, name = test.partition("::")
            assert f"def {name}(" in (TESTS / file).read_text(encoding="utf-8"), test


def test_every_row_says_fault_sight_duration_and_remedy() -> None:
    assert len(rows()) > 30
    assert [row for row in rows() if len(re.split(r"(?<!\\)\|", row)) != 6] == []
