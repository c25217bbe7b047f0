"""The decorator ``@task.iqm_upload``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import task_decorator_factory

from airflow_provider_iqm.api.polling.match_rate import OnLowMatchRate
from airflow_provider_iqm.audience.cleaning.options import OnInvalidRecords, PhoneFormat
from airflow_provider_iqm.decorators.decorated_upload import _IQMUploadDecoratedOperator
from airflow_provider_iqm.operators.upload.unchanged import OnUnchanged

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import TaskDecorator

_DEFAULT: Any = ...
"""An argument that isn't set: the Dag's ``default_args`` apply, or the operator's default."""


def iqm_upload_task(
    python_callable: Callable[..., Any] | None = None,
    *,
    audience_name: str,
    columns: Mapping[str, str] | str,
    column_settings: Mapping[str, str] | str | None = _DEFAULT,
    delimiter: str | None = _DEFAULT,
    encoding: str | None = _DEFAULT,
    sheet: str | None = _DEFAULT,
    normalize: bool = _DEFAULT,
    phone_format: PhoneFormat = _DEFAULT,
    hash_columns: Mapping[str, str] | str | None = _DEFAULT,
    on_invalid_records: OnInvalidRecords | None = _DEFAULT,
    quarantine_path: str | Path | None = _DEFAULT,
    max_invalid_ratio: float = _DEFAULT,
    drop_duplicates: bool = _DEFAULT,
    suppression_path: str | Path | None = _DEFAULT,
    scratch_dir: str | Path | None = _DEFAULT,
    memory_limit: str = _DEFAULT,
    iqm_conn_id: str = _DEFAULT,
    resume: bool = _DEFAULT,
    lost_answer_timeout: float = _DEFAULT,
    wait_for_ready: bool = _DEFAULT,
    deferrable: bool = _DEFAULT,
    poke_interval: float = _DEFAULT,
    timeout: float = _DEFAULT,
    audience_subtype: str | None = _DEFAULT,
    consent_given: bool | None = _DEFAULT,
    vertical_id: int | None = _DEFAULT,
    on_unchanged: OnUnchanged = _DEFAULT,
    replaces: int | str | None = _DEFAULT,
    campaign_ids: int | str | Iterable[int | str] | None = _DEFAULT,
    keep_replaced: int = _DEFAULT,
    min_records: int | None = _DEFAULT,
    max_records_drop: float | None = _DEFAULT,
    min_match_rate: float | None = _DEFAULT,
    max_match_rate_drop: float | None = _DEFAULT,
    on_low_match_rate: OnLowMatchRate = _DEFAULT,
    **kwargs: Any,
) -> TaskDecorator:
    """
    Upload what a function returns to IQM as a matched audience (``@task.iqm_upload``).

    The task calls the function, checks and uploads its result exactly as
    :class:`~airflow_provider_iqm.operators.matched_audience.MatchedAudienceUploadOperator` does a file, and returns the
    audience's id. A retry calls the function again. The function returns one of:

    - a path, or a URL of object storage, of a CSV or XLSX file; ``delimiter``, ``encoding`` and ``sheet`` apply to it;
    - a pandas DataFrame (without its index), an Arrow table, or any object with ``__arrow_c_stream__``, such as a
      Polars DataFrame;
    - records: an iterator or a list of dicts that have the same keys, of named tuples, or of tuples or lists, of which
      the first one has the column names. A function that yields records is read as the records are written.

    DataFrames and records are written to a temporary CSV file that only Airflow's user can read, and that is deleted
    when the task ends. They never go through XCom.

    Arguments that aren't set have the values of the Dag's ``default_args``, or the operator's defaults. Their templates
    can use the function's own arguments, such as ``{{ task.op_kwargs["state"] }}`` in a mapped task.

    :param python_callable: The function.
    :param audience_name: The audience's name, at most 255 characters. (templated)
    :param columns: The mapping, file column → IQM field, by the field's system name (``Voters_FirstName``) or label
        (``First Name``). A mapping can also be a JSON object as text, such as from a Variable, a Param or a template,
        or the name of a ``.json`` file. (templated)
    :param column_settings: IQM field → data format (``{"Email": "SHA256"}``) or data partner (``{"Voters_ID":
        "LalVoterID"}``), if the mapping needs one. (templated)
    :param delimiter: The field delimiter of a CSV file; default: detected from the header (comma, semicolon, tab or
        pipe). (templated)
    :param encoding: The encoding of a CSV file, as a Python codec name (``cp1252``); default: from the byte order
        mark, or UTF-8. (templated)
    :param sheet: The sheet of a workbook; default: the first. (templated)
    :param normalize: Whether to convert the values of mapped columns to the published normalized form of their
        field.
    :param phone_format: The format of normalized phone numbers: ``10-digit`` or ``E.164``. (templated)
    :param hash_columns: File column → ``MD5``, ``SHA1``, ``SHA256`` or ``SHA512``. Values are normalized and
        hashed, and the column's setting is set accordingly. Values that are already hashed are lowercased.
        (templated)
    :param on_invalid_records: What to do with records that can't match: ``drop`` them, or ``fail`` the task;
        default: ``drop`` if another argument enables cleaning, otherwise they are uploaded. (templated)
    :param quarantine_path: A file to list the dropped records in: number, column and reason, without values.
        (templated)
    :param max_invalid_ratio: The maximum share of invalid records, from 0 to 1; the task fails if it is exceeded.
    :param drop_duplicates: Whether to keep only the first of several records with the same mapped, normalized
        values.
    :param suppression_path: A CSV or XLSX file of people whose records are left out: a path on the worker, or a URL of
        object storage. It has one or more of the mapped columns, raw or hashed; implies ``normalize``. (templated)
    :param scratch_dir: The folder for temporary copies; default: the system's temporary folder. (templated)
    :param memory_limit: The memory limit for checking and cleaning the file, such as ``256MiB``. (templated)
    :param iqm_conn_id: The connection to IQM. (templated)
    :param resume: Whether to search IQM for an upload of an earlier try, or one whose answer was lost, before
        uploading again. A token in the uploaded file's name identifies the upload.
    :param lost_answer_timeout: Seconds to search for a lost upload before uploading again.
    :param wait_for_ready: Whether to wait until IQM has matched and approved the audience, as
        :class:`~airflow_provider_iqm.sensors.matched_audience.AudienceReadySensor` does.
    :param deferrable: Whether to wait for the audience, and to search for a lost upload, in the triggerer instead of a
        worker slot; default: Airflow's setting ``default_deferrable`` in ``[operators]``.
    :param poke_interval: Seconds between two polls of the audience; in the triggerer, it grows to 10 minutes.
    :param timeout: Seconds to wait for the audience; after a timeout the task fails, but IQM keeps processing the
        audience.
    :param audience_subtype: The audience's subtype in healthcare, such as ``hcp``, ``npi_nurse`` or ``patient`` (v3
        only). (templated)
    :param consent_given: Whether the patients have given consent (v3 only; required for ``patient``).
    :param vertical_id: The id of the vertical, if the account has several (v3 only).
    :param on_unchanged: What to do if the list hasn't changed since the last upload: ``upload`` it again, or
        ``skip`` the upload and return the id of the existing audience, without an asset event. (templated)
    :param replaces: The audience to replace in campaigns when the new one is ready: ``previous`` for the audience of
        this task's last run, or an audience's id. The task waits for the new audience. (templated)
    :param campaign_ids: The campaigns to put the audience into; default: those that include or exclude the replaced
        audience (v3 only). (templated)
    :param keep_replaced: How many replaced audiences to keep for a rollback; older ones are deleted.
    :param min_records: The minimum number of records; checked before the upload.
    :param max_records_drop: The maximum drop of the number of records compared with the previous audience, in
        percent; checked before the upload.
    :param min_match_rate: The minimum match rate, in percent; needs ``wait_for_ready``.
    :param max_match_rate_drop: The maximum drop of the match rate compared with the previous audience, in
        percentage points; needs ``wait_for_ready``.
    :param on_low_match_rate: What to do if the match rate is too low: ``fail``, or only ``warn``. (templated)
    :param kwargs: Arguments of any task, such as ``task_id``, ``pool``, ``retries`` and ``outlets``.
    """
    given = {name: value for name, value in locals().items() if value is not _DEFAULT}
    del given["python_callable"], given["kwargs"]
    return task_decorator_factory(
        python_callable,
        # The task returns an int, whatever the function's annotation says.
        multiple_outputs=False,
        decorated_operator_class=_IQMUploadDecoratedOperator,
        **given,
        **kwargs,
    )
