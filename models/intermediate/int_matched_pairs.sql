-- Pairs of our own match: the first landed row of an object, with its one redshift by specz_rule.
{% set matched = {'d_pos': 'match_distance_arcsec', 'specz_class': 'upper(specz_class)'} -%}
{% for name in ['specz_name', 'specz_ra', 'specz_dec', 'specz_redshift', 'specz_redshift_err', 'specz_error_kind',
                'specz_original_flag', 'specz_flag_homogeneous'] -%}
    {% do matched.update({name: name}) -%}
{% endfor -%}
with landed as (
    select
        {{- name_columns('object', 'objects') }},
        objects.landing, objects.source_file, objects.source_row
    from {{ ref('stg_hsc__objects') }} as objects
    union all
    select
        {{- name_columns('object', 'joined') }},
        joined.landing, joined.source_file, joined.source_row
    from {{ ref('stg_hsc__joined') }} as joined
),

objects as (
    select * from (
        select *, row_number() over (partition by object_id order by landing, source_row) as place from landed
    ) as ranked
    where place = 1
),

specz as (
    select
        object_id,
        {%- for column in landed_columns('spectrum') %}
        cast({{ matched.get(column.name, 'null') }} as {{ column.type }}) as {{ column.name }},
        {%- endfor %}
        cast(0 as bigint) as landing,
        'matched_redshifts' as source_file,
        cast(null as bigint) as source_row
    from {{ ref('int_matched_redshifts') }}
    where specz_rule = {{ text_literal(var('specz_rule')) }}
),

met as (
    {{ met_by_object_id('objects', 'specz') }}
)

select * from met
where specz_name is not null or specz_redshift is not null
