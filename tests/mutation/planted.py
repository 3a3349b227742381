"""Bugs that somebody could make here, each with the test that is there to find it; planted by `test_planted`."""

from typing import NamedTuple


class Bug(NamedTuple):
    """A change of one place of the package.

    Attributes:
        name: what it is.
        file: where, below the package.
        right: the text that is there, once.
        wrong: what takes its place.
        test: the test that fails by it, as pytest names it.
    """

    name: str
    file: str
    right: str
    wrong: str
    test: str


FAULTS, EXECUTE, JOURNAL = (
    "tests/applying/" + name for name in ("test_faults.py", "test_execute.py", "test_journal.py")
)
CSV = "tests/manifest/test_csv_rows.py"
TESTING = "tests/cli/test_testing.py"

DOCTOR = "tests/examining/test_writes.py"

BUGS = (
    Bug(
        "a file that doctor writes on before its tags are saved",
        "api/examine.py",
        "        write_note(note, place)\n",
        "",
        f"{DOCTOR}::test_doctor_restores_the_file_after_a_kill_at_any_call",
    ),
    Bug(
        "tags that doctor does not give back",
        "examining/restoring.py",
        "if not ours and not lost:",
        "if not ours:",
        f"{DOCTOR}::test_doctor_names_the_reading_of_writes",
    ),
    Bug(
        "a tag of somebody else that doctor removes",
        "examining/note.py",
        "tuple(filter(is_ours, _texts(found",
        "tuple(filter(None, _texts(found",
        f"{DOCTOR}::test_doctor_removes_only_its_tags_whatever_a_note_says",
    ),
    Bug(
        "a lost retry",
        "library/http/retry.py",
        "MAX_ATTEMPTS = 5",
        "MAX_ATTEMPTS = 4",
        f"{FAULTS}::test_retry_reads_a_failing_library_five_times",
    ),
    Bug(
        "retries without a bound for all of them",
        "library/http/retry.py",
        "self._left -= _RETRY_COST",
        "self._left -= 0",
        f"{FAULTS}::test_retry_quota_protects_a_failing_library",
    ),
    Bug(
        "a swapped order: removals before additions",
        "applying/execute.py",
        "(stages.add, stages.remove)",
        "(stages.remove, stages.add)",
        f"{EXECUTE}::test_execute_finishes_additions_before_removals",
    ),
    Bug(
        "a missing flush of the journal",
        "applying/journal.py",
        "            self._file.append(line)\n            self._file.sync()\n",
        "            self._file.append(line)\n",
        f"{JOURNAL}::test_journal_syncs_each_record_and_each_name",
    ),
    Bug(
        "a missing flush of the journal's name",
        "applying/journal.py",
        "            self._disk.rename(new, self._path)\n            self._disk.sync_folder(self._path.parent)\n",
        "            self._disk.rename(new, self._path)\n",
        f"{JOURNAL}::test_journal_syncs_each_record_and_each_name",
    ),
    Bug(
        "a call that is noted after it was sent, or never",
        "applying/execute.py",
        "sending.numbers.append(self._journal.intent(sending.request, self._outcomes.already_in(sending.request)))",
        "sending.numbers.append(self._sent + 1)",
        f"{EXECUTE}::test_execute_journals_each_call_before_and_its_outcome_after",
    ),
    Bug(
        "a checksum that nobody looks at",
        "applying/journal_records.py",
        'if checksum != b"%08x" % crc32(body):',
        "if not checksum:",
        f"{JOURNAL}::test_journal_damaged_byte_costs_only_its_line",
    ),
    Bug(
        "half a line that is glued to the next",
        "applying/journal.py",
        "line = self._seal + line",
        "line = line",
        f"{JOURNAL}::test_journal_cut_at_any_byte_keeps_all_whole_records",
    ),
    Bug(
        "an unchecked id of a bulk answer",
        "library/imagekit/wire.py",
        "if counts != Counter(set(request.file_ids)):",
        "if counts.total() != len(set(request.file_ids)):",
        f"{FAULTS}::test_false_response_is_read_back_and_never_a_success",
    ),
    Bug(
        "a missing file that takes its neighbours along",
        "library/imagekit/wire.py",
        "return Gone(frozenset(named or ()) & frozenset(request.file_ids))",
        "return Gone(frozenset(request.file_ids))",
        f"{FAULTS}::test_missing_files_are_named_and_the_rest_is_sent_again",
    ),
    Bug(
        "details of another file than the one asked for",
        "library/imagekit/library.py",
        "if file.file_id != file_id:",
        "if not file.file_id:",
        "tests/library/http/test_client.py::test_client_refuses_details_of_another_file",
    ),
    Bug(
        "a success that nobody has read back",
        "applying/readback.py",
        "if differences(change, file):",
        "if not file.file_id:",
        f"{FAULTS}::test_false_200_without_effect_is_detected_by_readback",
    ),
    Bug(
        "a refused retry that hides what the attempt before it did",
        "applying/responses.py",
        "if not (made or gone or unread):",
        "if not unread:",
        "tests/applying/test_apply.py::test_apply_goes_on_after_a_lost_response",
    ),
    Bug(
        "a 429 that costs an attempt",
        "library/http/client.py",
        "limiter.close_for(self._time_out(limits, call))",
        'raise ServerFaultError("limited")',
        f"{FAULTS}::test_rate_limit_is_waited_out_as_announced_and_reported",
    ),
    Bug(
        "removals from a file whose additions failed",
        "applying/execute.py",
        "held_back = self._outcomes.held_back()",
        "held_back = frozenset[str]()",
        f"{EXECUTE}::test_execute_sends_no_removals_after_failed_additions",
    ),
    Bug(
        "a retry after an interrupt",
        "library/http/client.py",
        "if self.stop and self.stop.is_set():",
        "if self.stop and not self.sent and self.stop.is_set():",
        f"{EXECUTE}::test_execute_interrupt_prevents_retries",
    ),
    Bug(
        "a refused call that is given up whole",
        "applying/splitting.py",
        "    if len(request.file_ids) > 1:\n        return halves(job)\n",
        "",
        f"{FAULTS}::test_refused_call_is_split_to_the_refused_file",
    ),
    Bug(
        "a call without a deadline",
        "library/http/client.py",
        "CALL_DEADLINE = 60.0",
        "CALL_DEADLINE = 6000.0",
        f"{FAULTS}::test_timeout_ends_a_body_that_arrives_byte_by_byte",
    ),
    Bug(
        "a body without an end",
        "library/http/bodies.py",
        "if len(body) > MAX_BODY_BYTES:",
        "if len(body) > 8 * MAX_BODY_BYTES:",
        f"{FAULTS}::test_body_without_end_is_cut_off",
    ),
    Bug(
        "redirects that are followed",
        "library/http/client.py",
        "follow_redirects=False",
        "follow_redirects=True",
        f"{FAULTS}::test_invalid_response_to_reads_is_retried_five_times",
    ),
    Bug(
        "a page that was missed on the way",
        "library/reading/pagination.py",
        "if not at_end and not self._joins(page, runs, found):",
        "if found.rows is None:",
        "tests/library/reading/test_pagination.py::test_pagination_starts_again_if_a_file_is_deleted",
    ),
    Bug(
        "a page that begins among files of the same createdAt",
        "library/reading/pagination.py",
        "        step = max(runs.previous, runs.last - self._most_overlap)\n",
        "        step = len(page.rows) - 1\n",
        "tests/library/reading/test_pagination.py::test_pagination_finds_every_file_however_equal_timestamps_are_ordered",
    ),
    Bug(
        "an AI tag that goes before the ordinary one has come",
        "applying/recheck.py",
        "        elif lacking is not None:\n",
        "        elif lacking is None and not file_id:\n",
        "tests/applying/test_promotion.py::test_promotion_keeps_the_ai_tag_if_the_addition_is_not_shown",
    ),
    Bug(
        "an old name that goes before the new one is shown",
        "applying/recheck.py",
        "return op == Op.REMOVE_AI or bool(self._before[file_id].awaited())",
        "return op == Op.REMOVE_AI",
        "tests/applying/test_rename.py::test_rename_keeps_the_old_name_if_the_new_one_is_not_shown",
    ),
    Bug(
        "a lag that counts as a failure",
        "applying/preflight.py",
        "LAG_WAITS = (1.0, 2.0, 4.0, 8.0, 15.0)",
        "LAG_WAITS = (1.0,)",
        "tests/applying/test_rename.py::test_apply_waits_for_lagging_details",
    ),
    Bug(
        "a suspension that nobody counts",
        "applying/apply.py",
        "return lambda: max(steady(), began + unsuspended() - at)",
        "return lambda: max(steady(), began + at - at)",
        "tests/applying/test_apply.py::test_apply_reads_again_after_a_suspension",
    ),
    Bug(
        "an acknowledgement for any plan",
        "planning/guards.py",
        "Ack(guard.id, digest) not in acks",
        "guard.id not in {ack.guard for ack in acks}",
        "tests/cli/test_saved_plans.py::test_guard_is_acknowledged_for_this_plan_and_not_for_the_next",
    ),
    Bug(
        "a saved document whose checksum nobody looks at",
        "documents/checksum.py",
        "if hashed.hexdigest().encode() != end[1]:",
        "if not hashed.hexdigest().encode():",
        "tests/documents/test_loader.py::test_loader_detects_any_changed_byte",
    ),
    Bug(
        "a page that begins behind its overlap",
        "library/reading/pagination.py",
        "if last not in found.moments or found.moments[0] == last:",
        "if last not in found.moments:",
        "tests/library/reading/test_pagination.py::test_pagination_notices_deletions_among_equal_timestamps",
    ),
    Bug(
        "an overlap of which rows may be missing",
        "library/reading/pagination.py",
        "if moment not in partly}.issubset(found.rows)",
        "if moment not in partly and not row}.issubset(found.rows)",
        "tests/library/reading/test_pagination.py::test_pagination_requires_every_row_of_an_overlap_to_appear_again",
    ),
    Bug(
        "details that are read once, whatever they lack",
        "applying/recheck.py",
        "for wait in (*LAG_WAITS, 0.0):",
        "for wait in (0.0,):",
        "tests/applying/test_recheck.py::test_prover_reads_lagging_details_again_for_half_a_minute",
    ),
    Bug(
        "a 403 that costs the other files of its call",
        "applying/responses.py",
        "        if len(job.request.file_ids) > 1:\n            for piece",
        "        if len(job.request.file_ids) > 50:\n            for piece",
        f"{FAULTS}::test_forbidden_file_is_found_by_splitting",
    ),
    Bug(
        "a 202 that counts as done",
        "applying/responses.py",
        "if not self.read_back:",
        "if not self.read_back and not status:",
        f"{FAULTS}::test_accepted_2xx_without_effect_is_failed_or_unknown",
    ),
    Bug(
        "a change that another call has made, and that counts as a failure",
        "applying/responses.py",
        "if not needed_by(job.request, self.changes):",
        "if not job.request.file_ids:",
        f"{EXECUTE}::test_execute_ignores_refusal_of_changes_made_by_another_call",
    ),
    Bug(
        "an undo of verified files alone",
        "planning/undo.py",
        "        if items:\n",
        "        if items and outcome.status in DONE:\n",
        "tests/planning/test_undo.py::test_undo_ignores_status_in_report",
    ),
    Bug(
        "a guard that blocks and that the digest does not cover",
        "planning/digest.py",
        ' | ({"blocked": blocked} if blocked else {})',
        " | ({} if blocked else {})",
        "tests/cli/test_saved_plans.py::test_saved_plan_edited_outside_its_digest_is_refused_everywhere",
    ),
    Bug(
        "a plan that nobody holds against its own changes",
        "api/saved.py",
        "if words := contradiction(document):",
        "if (words := contradiction(document)) and not document.changes:",
        "tests/cli/test_saved_plans.py::test_saved_plan_edited_outside_its_digest_is_refused_everywhere",
    ),
    Bug(
        "certificates that nobody checks",
        "library/http/transport.py",
        "verify=context,",
        "verify=False,",
        "tests/library/http/test_client.py::test_client_always_verifies_certificates",
    ),
    Bug(
        "paths of tagsync.yaml that leave the repository",
        "manifest/config.py",
        "if not Path(here).is_relative_to(self._place.top):",
        "if not Path(here):",
        "tests/manifest/test_config.py::test_hostile_config_is_an_error_with_its_place",
    ),
    Bug(
        "a tagsync.yaml of anybody above a folder without a repository",
        "manifest/config.py",
        "ConfigPlace(found / CONFIG_NAME, here) if found == here else None",
        "ConfigPlace(found / CONFIG_NAME, here)",
        "tests/manifest/test_config.py::test_config_outside_a_repository_is_found_in_the_folder_alone",
    ),
    Bug(
        "an environment that uses the key of another one",
        "library/target.py",
        "key = private_key(config.key)",
        "key = private_key(config.key) or private_key()",
        "tests/cli/test_configuration.py::test_key_comes_from_the_variable_of_the_environment",
    ),
    Bug(
        "an environment that the digest does not cover",
        "planning/digest.py",
        "for name, value in target._asdict().items() if value is not None}",
        'for name, value in target._asdict().items() if name != "environment"}',
        "tests/cli/test_configuration.py::test_plan_for_one_environment_is_refused_for_another",
    ),
    Bug(
        "a plan that is applied to another environment",
        "library/target.py",
        "return self.environment in (None, name.environment)",
        "return True",
        "tests/cli/test_configuration.py::test_plan_for_one_environment_is_refused_for_another",
    ),
    Bug(
        "a capture that may be empty",
        "globs.py",
        'f"({any_character}+{lazily})"',
        'f"({any_character}*{lazily})"',
        "tests/test_globs.py::test_captures_bind_text_of_one_folder_level",
    ),
    Bug(
        "a capture that takes the rest of a path",
        "globs.py",
        'joints = _JOINT if any(kind == "capture" for kind, _ in tokens) else _LAST_JOINT',
        "joints = _LAST_JOINT",
        "tests/test_globs.py::test_captures_bind_text_of_one_folder_level",
    ),
    Bug(
        "values of one file on another",
        "planning/templates.py",
        "key += tuple([library_values(name, file) for name in self._fields])",
        "key += tuple([self._fields[0]] * len(self._fields))",
        "tests/planning/test_templates.py::test_rules_of_single_files_with_one_declaration_keep_their_places",
    ),
    Bug(
        "an export whose braces become placeholders",
        "exporting/manifest_text.py",
        "return scalar(escaped_braces(tag))",
        "return scalar(tag)",
        "tests/exporting/test_export.py::test_braces_of_tags_and_folders_are_escaped",
    ),
    Bug(
        "a cell that keeps the apostrophe of its escape",
        "manifest/csv_rows.py",
        "value, written, offset = value[1:], written[1:], offset + 1",
        "written, offset = written[1:], offset + 1",
        f"{CSV}::test_csv_formula_escape_is_removed",
    ),
    Bug(
        "a row that is taken for another with the same path and other tags",
        "manifest/csv_rows.py",
        "key = before, len(written), after",
        'key = "", len(written), after',
        f"{CSV}::test_csv_reads_back_what_a_csv_writer_writes",
    ),
    Bug(
        "a cell with a line break that moves the places of later rows",
        "manifest/csv_rows.py",
        "self._line += len(lines)",
        "self._line += 1",
        f"{CSV}::test_csv_cells_may_span_lines",
    ),
    Bug(
        "rows without the defaults of their manifest",
        "manifest/read.py",
        "self.entries.add_document(located.name, source.defaults, manifest.name)",
        "self.entries.add_document(located.name, Declaration(), manifest.name)",
        f"{CSV}::test_csv_rows_have_defaults_whose_reasons_are_in_the_manifest",
    ),
    Bug(
        "an export with a cell that a spreadsheet runs",
        "exporting/csv_text.py",
        "return escaped_cell(separator.join(map(escaped_braces, tags)))",
        "return separator.join(map(escaped_braces, tags))",
        "tests/exporting/test_csv_text.py::test_csv_export_writes_no_formula",
    ),
    Bug(
        "a test that passes whatever tags a file has",
        "planning/expectations.py",
        "return bool(self._missing or self._surplus)",
        "return False",
        f"{TESTING}::test_test_compares_tags_as_expected",
    ),
    Bug(
        "a plan with an error that changes the files of a test",
        "planning/testing.py",
        "changes = () if found else comparison.collected.changes",
        "changes = comparison.collected.changes",
        f"{TESTING}::test_test_finds_expected_errors",
    ),
    Bug(
        "a test that fails because a rule names a file that is not given",
        "planning/testing.py",
        "expect=expect._replace(min=0)",
        "expect=expect",
        f"{TESTING}::test_test_ignores_rules_for_files_that_are_not_given",
    ),
    Bug(
        "a test that changes the digest of plans",
        "manifest/read.py",
        "if not contents.is_only_tests:",
        "if True:",
        f"{TESTING}::test_test_manifests_do_not_change_plans",
    ),
    Bug(
        "a written test that nobody has run",
        "api/drafting.py",
        "if not result.failures]",
        "if result]",
        f"{TESTING}::test_test_write_leaves_out_files_that_it_cannot_give",
    ),
    Bug(
        "a failed run that erases the last success",
        "reporting/prometheus.py",
        "    if succeeded:\n        samples.put(_LAST_SUCCESS, run.ended)",
        "    samples.put(_LAST_SUCCESS, run.ended if succeeded else 0)",
        "tests/cli/test_metrics.py::test_metrics_of_a_failed_run_keep_drift_and_last_success",
    ),
    Bug(
        "a recording that goes on from its start",
        "library/reading/recording.py",
        "places(library, EVERYTHING, after=recording.place, concurrency=concurrency)",
        "places(library, EVERYTHING, concurrency=concurrency)",
        "tests/library/reading/test_recording.py::test_recording_goes_on_after_its_last_page",
    ),
    Bug(
        "a recording of one library finished with another",
        "library/reading/recording.py",
        "if found.get(name) != value:",
        "if found.get(name) is None:",
        "tests/cli/test_record.py::test_record_refuses_a_partial_file_of_another_run",
    ),
    Bug(
        "a redaction that keeps unknown extensions",
        "exporting/redaction.py",
        "if stem and extension.lower() in _EXTENSIONS",
        "if stem",
        "tests/cli/test_record.py::test_redaction_leaves_no_original_name",
    ),
    Bug(
        "a log that writes text as it is",
        "reporting/json_log.py",
        "shown(value) if isinstance(value, str) else value",
        "value",
        "tests/cli/test_log_format.py::test_log_escapes_hostile_text_twice",
    ),
)
