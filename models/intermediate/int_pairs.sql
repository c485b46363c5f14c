-- One row per landed (object, spectrum) pair: rows of joined exports that have a spectrum, and objects met with
-- spectra by object_id.  A pair's number follows landing order, so that 'the first' means something.
-- Built with specz = matched, the spectra are the surveys' own, one redshift an object by specz_rule, and an object is
-- the first landed row of it.
{% set is_matched = var('specz') == 'matched' -%}
{% set matched = {'d_pos': 'match_distance_arcsec', 'specz_class': 'upper(specz_class)'} -%}
{% for name in ['specz_name', 'specz_ra', 'specz_dec', 'specz_redshift', 'specz_redshift_err', 'specz_error_kind',
                'specz_original_flag', 'specz_flag_homogeneous'] -%}
    {% do matched.update({name: name}) -%}
{% endfor -%}
with
{%- if is_matched %}
landed as (
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
    from {{ ref('matched_redshifts') }}
    where specz_rule = '{{ var('specz_rule') }}'
),
{%- else %}
objects as (
    select * from {{ ref('stg_hsc__objects') }}
),

specz as (
    select * from {{ ref('stg_hsc__specz') }}
),

joined as (
    select * from {{ ref('stg_hsc__joined') }}
),

of_joined as (
    select
        {{- name_columns('object', 'joined') }},
        {{- name_columns('spectrum', 'joined') }},
        joined.landing,
        joined.source_file,
        joined.source_row,
        joined.landing as specz_landing,
        joined.source_file as specz_source_file,
        joined.source_row as specz_source_row
    from joined
    where joined.specz_name is not null or joined.specz_redshift is not null
),
{%- endif %}

met as (
    select
        {{- name_columns('object', 'objects') }},
        {{- name_columns('spectrum', 'specz') }},
        objects.landing,
        objects.source_file,
        objects.source_row,
        specz.landing as specz_landing,
        specz.source_file as specz_source_file,
        specz.source_row as specz_source_row
    from objects
    inner join specz on objects.object_id = specz.object_id
    where specz.specz_name is not null or specz.specz_redshift is not null
),

pairs as (
    {%- if not is_matched %}
    select * from of_joined
    union all
    {%- endif %}
    select * from met
),

numbered as (
    select
        *,
        coalesce(d_pos, {{ separation_arcsec('ra', 'dec', 'specz_ra', 'specz_dec') }}) as match_distance_arcsec,
        row_number() over (order by landing, source_row, specz_landing, specz_source_row) as pair_id
    from pairs
)

select * from numbered
