with landed as (
    select * from {{ source('raw', 'specz_spectra') }}
),

cast_columns as (
    select
        cast(survey as string) as survey,
        cast(source_file as string) as source_file,
        cast(source_sha256 as string) as source_sha256,
        cast(source_row as bigint) as source_row,
        {{- cast_family('landed_spectrum') }}
    from landed
)

select * from cast_columns
