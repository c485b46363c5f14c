-- One row per pair, one column per row cut: true, false, or NULL where an input is missing.
{% set unjudged = unjudged_landings() -%}
with landed as (
    select * from {{ ref('int_pairs') }}
),

pairs as (
    {{ with_own_columns('landed') if own_columns('object') + own_columns('spectrum') else 'select * from landed' }}
),

verdicts as (
    select
        pair_id,
        {{ window_columns() | join(', ') }}
        {%- for cut in cuts() if 'sql' in cut %},
        {{ verdict(cut, unjudged) }} as ok_{{ cut.name }}
        {%- endfor %}
    from pairs
)

select * from verdicts
