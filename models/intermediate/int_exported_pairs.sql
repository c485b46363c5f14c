-- Pairs of the archive's match: rows of joined exports that have a spectrum, and objects joined with spectra by
-- object_id.
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
),

met as (
    {{ met_by_object_id('objects', 'specz') }}
),

pairs as (
    select * from of_joined
    union all
    select * from met
)

select * from pairs
where specz_name is not null or specz_redshift is not null
