"""
The operations on shared state as SQL for Postgres.

Each operation is one round trip and one transaction, which begins with a lock on the account, so that the operations of
an account are serialized. The rules are those of :class:`~airflow_provider_iqm.shared_state.ledger.Ledger`. All times
are seconds of Postgres's own clock.
"""

from __future__ import annotations

SETTINGS = """
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCAL statement_timeout = '5s';
"""
"""
Settings of each operation, regardless of the server's and the user's defaults: a statement sees what other transactions
have committed before it, and times out, including the wait for the account's lock.

They are sent with the operation, because PgBouncer doesn't accept such options in connections.
"""

CREATE = """
SELECT pg_advisory_xact_lock(hashtextextended('airflow_provider_iqm', 0));
CREATE TABLE IF NOT EXISTS iqm_request (
    account text NOT NULL,
    request text NOT NULL,
    -- sent: in flight, or response less than a window ago; waiting: in the queue; full: IQM rejects requests until then
    state text NOT NULL,
    -- the place in the queue
    place bigint GENERATED ALWAYS AS IDENTITY,
    -- the time at which it stops counting, or loses its place
    until double precision NOT NULL,
    PRIMARY KEY (account, request)
);
CREATE INDEX IF NOT EXISTS iqm_request_until ON iqm_request (account, state, until);
CREATE INDEX IF NOT EXISTS iqm_request_place ON iqm_request (account, place) WHERE state = 'waiting';
CREATE TABLE IF NOT EXISTS iqm_shared_value (
    key text PRIMARY KEY,
    value bytea NOT NULL,
    until double precision NOT NULL
);
"""

NOW = "coalesce(%(now)s::double precision, extract(epoch FROM clock_timestamp())::double precision)"
"""The current time; the parameter ``now`` is that of a test's clock."""


def _sql(statements: str) -> str:
    return statements.replace("{now}", NOW)


LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(%(key)s, 0));\n"

SEND = _sql("""
INSERT INTO iqm_request (account, request, state, until)
VALUES (%(key)s, %(request)s, 'sent', {now} + %(lease)s + %(window)s)
ON CONFLICT (account, request) DO UPDATE SET state = excluded.state, until = excluded.until;
""")

RENEW = LOCK + SEND

ASK = LOCK + _sql("""
DELETE FROM iqm_request WHERE account = %(key)s AND until <= {now};
INSERT INTO iqm_request (account, request, state, until)
VALUES (%(key)s, %(request)s, 'waiting', {now} + %(grace)s)
ON CONFLICT (account, request) DO NOTHING;
WITH moment AS MATERIALIZED (
    SELECT {now} AS now
),
counts AS (
    SELECT
        now,
        own.state = 'sent' AS is_sent,
        %(requests)s - (SELECT count(*) FROM iqm_request WHERE account = %(key)s AND state = 'sent') AS unused,
        (
            SELECT count(*) FROM (
                SELECT FROM iqm_request
                WHERE account = %(key)s AND state = 'waiting' AND place < own.place
                -- Beyond ten windows, the wait needn't be exact.
                LIMIT 10 * %(requests)s
            ) AS ahead
        ) AS position,
        coalesce((SELECT max(until) FROM iqm_request WHERE account = %(key)s AND state = 'full'), 0) AS full_until
    FROM moment, iqm_request AS own
    WHERE own.account = %(key)s AND own.request = %(request)s
),
waits AS (
    SELECT
        now,
        CASE
            WHEN is_sent OR (position < unused AND full_until <= now AND %(hold)s = 0) THEN 0
            ELSE greatest(
                (
                    CASE
                        WHEN position %% %(requests)s < unused THEN now
                        ELSE least(
                            (
                                SELECT until FROM iqm_request WHERE account = %(key)s AND state = 'sent'
                                ORDER BY until LIMIT 1 OFFSET greatest(position %% %(requests)s - unused, 0)
                            ),
                            now + %(window)s
                        )
                    END
                ) - now + position / %(requests)s * %(window)s,
                full_until - now,
                %(min_wait)s
            )
        END::double precision AS wait
    FROM counts
)
UPDATE iqm_request SET
    state = CASE WHEN wait = 0 THEN 'sent' ELSE 'waiting' END,
    until = now + CASE
        WHEN wait = 0 THEN %(lease)s + %(window)s
        WHEN %(hold)s > 0 THEN %(hold)s
        ELSE least(wait, %(poll)s) + %(grace)s
    END
FROM waits
WHERE account = %(key)s AND request = %(request)s
RETURNING wait;
""")

END = LOCK + _sql("""
INSERT INTO iqm_request (account, request, state, until)
SELECT %(key)s, '', 'full', {now} + %(full_for)s WHERE %(full_for)s > 0
ON CONFLICT (account, request) DO UPDATE SET until = greatest(iqm_request.until, excluded.until);
INSERT INTO iqm_request (account, request, state, until)
VALUES (%(key)s, %(request)s, 'sent', {now} + %(window)s)
ON CONFLICT (account, request) DO UPDATE SET
    -- A waiting request leaves the queue and doesn't count.
    until = CASE WHEN iqm_request.state = 'sent' THEN excluded.until ELSE '-infinity' END;
DELETE FROM iqm_request WHERE account = %(key)s AND request = %(request)s AND until = '-infinity';
""")

GET = _sql("SELECT value FROM iqm_shared_value WHERE key = %(key)s AND until > {now};")

PUT = _sql("""
DELETE FROM iqm_shared_value WHERE until <= {now};
INSERT INTO iqm_shared_value VALUES (%(key)s, %(value)s, {now} + %(seconds)s)
ON CONFLICT (key) DO UPDATE SET value = excluded.value, until = excluded.until;
""")

ADD = _sql("""
INSERT INTO iqm_shared_value VALUES (%(key)s, %(value)s, {now} + %(seconds)s)
ON CONFLICT (key) DO UPDATE SET value = excluded.value, until = excluded.until
-- Adding the same value again succeeds, because an operation may be repeated.
WHERE iqm_shared_value.until <= {now} OR iqm_shared_value.value = excluded.value
RETURNING true;
""")

REMOVE = "DELETE FROM iqm_shared_value WHERE key = %(key)s AND value = %(value)s;"
