{#- One version of galaxies: the kept pairs with the columns of the catalogue, one row per object. -#}
{%- macro galaxies(version) -%}
with pairs as (
    select * from {{ ref('int_pairs') }}
),

judged as (
    select * from {{ ref('int_judged_' ~ version) }}
),

kept as (
    select pairs.*
    from pairs
    inner join judged on pairs.pair_id = judged.pair_id
    where judged.kept
)

select
    {%- for column in landed_columns('object') if 'flag' not in column.name %}
    {{ column.name }},
    {%- endfor %}
    {%- for column in landed_columns('spectrum') %}
    {{ column.name }},
    {%- endfor %}
    match_distance_arcsec,
    pair_id,
    landing,
    source_file,
    source_row,
    specz_landing,
    specz_source_file,
    specz_source_row
from kept
{%- endmacro -%}
