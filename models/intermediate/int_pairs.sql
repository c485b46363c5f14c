-- One row per landed (object, spectrum) pair: rows of joined exports that have a spectrum, and objects met with
-- spectra by object_id.  A pair's number follows landing order, so that 'the first' means something.
with objects as (
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
    select * from of_joined
    union all
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
