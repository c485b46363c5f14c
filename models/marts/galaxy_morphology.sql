-- One row for every kept object: the release's morphology of every filter, under the release's names.
-- NULL if nothing was detected; the released files have 0 there.
with morphology as (
    select * from {{ ref('morphology') }}
),

by_object as (
    select
        object_id,
        {%- for band in bands() %}
        {%- set comma = ',' if not loop.last else '' %}
        {%- for name, _, _ in family('released_morphology') %}
        max(case when band = '{{ band }}' then {{ name }} end) as {{ band }}_{{ name }},
        {%- endfor %}
        max(case when band = '{{ band }}' then cast(detected as integer) end) = 1 as {{ band }}_detected{{ comma }}
        {%- endfor %}
    from morphology
    group by object_id
)

select * from by_object
