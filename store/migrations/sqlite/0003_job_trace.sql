-- The trace context of the request that caused a job, beside its request id.

ALTER TABLE jobs ADD COLUMN traceparent TEXT NOT NULL DEFAULT '';
