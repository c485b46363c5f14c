-- Every pair that a version removes: its file and row, the first cut that removed it, and all cuts that it fails.
{% set names = built_versions() -%}
with judged as (
    {%- for name in names %}
    select '{{ name }}' as version, pair_id, first_cut, first_verdict, failed_cuts, n_failed
    from {{ ref('int_judged_' ~ name) }}
    where not kept
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

pairs as (
    select * from {{ ref('int_pairs') }}
)

select
    judged.version,
    judged.pair_id,
    pairs.object_id,
    pairs.specz_name,
    pairs.landing,
    pairs.source_file,
    pairs.source_row,
    pairs.specz_landing,
    pairs.specz_source_row,
    judged.first_cut,
    judged.first_verdict,
    judged.failed_cuts,
    judged.n_failed
from judged
inner join pairs on judged.pair_id = pairs.pair_id
