-- One row per pair, one column per row cut: true, false, or NULL where an input is missing.
{% set unjudged = unjudged_landings() -%}
with pairs as (
    select * from {{ ref('int_pairs') }}
),

verdicts as (
    select
        pair_id,
        {{ window_columns() | join(', ') }}
        {%- for cut in cuts() if 'sql' in cut %},
        {{ verdict(cut, unjudged, 'landing' if cut.scope == 'object' else 'specz_landing') }} as ok_{{ cut.name }}
        {%- endfor %}
    from pairs
)

select * from verdicts
