-- One row per landed (object, spectrum) pair, of the archive's match or of ours (`galaxiesml build --specz`).
-- A pair's number follows landing order, so that 'the first' means something.
with pairs as (
    select * from {{ ref('int_matched_pairs' if var('specz') == 'matched' else 'int_exported_pairs') }}
),

{{ numbered('pairs', ['landing'], 'source_row', ['specz_landing', 'specz_source_row'], 'pair_id') }}

select
    {{- name_columns('object', 'pairs_numbered') }},
    {{- name_columns('spectrum', 'pairs_numbered') }},
    landing,
    source_file,
    source_row,
    specz_landing,
    specz_source_file,
    specz_source_row,
    coalesce(d_pos, {{ separation_arcsec('ra', 'dec', 'specz_ra', 'specz_dec') }}) as match_distance_arcsec,
    pair_id
from pairs_numbered
