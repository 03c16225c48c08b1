-- Lists of jobs leave out the parts of films, of which there may be hundreds for each.

CREATE INDEX jobs_listed ON jobs (id)
  WHERE archived = 0 AND (parent = '' OR kind NOT IN ('encode_chunk', 'encode_audio'));
