-- One row per landed (object, spectrum) pair, of the archive's match or of ours (`galaxiesml build --specz`).
-- A pair's number follows landing order, so that 'the first' means something.
with pairs as (
    select * from {{ ref('int_matched_pairs' if var('specz') == 'matched' else 'int_exported_pairs') }}
),

numbered as (
    select
        *,
        coalesce(d_pos, {{ separation_arcsec('ra', 'dec', 'specz_ra', 'specz_dec') }}) as match_distance_arcsec,
        row_number() over (order by landing, source_row, specz_landing, specz_source_row) as pair_id
    from pairs
)

select * from numbered
