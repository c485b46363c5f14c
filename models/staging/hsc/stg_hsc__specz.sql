with landed as (
    select * from {{ source('raw', 'hsc_specz') }}
),

cast_columns as (
    select
        cast({{ landed_value('object_id') }} as bigint) as object_id,
        {{- cast_columns('spectrum') }},
        cast(landing as bigint) as landing,
        cast(source_file as string) as source_file,
        cast(source_row as bigint) as source_row
    from landed
)

select * from cast_columns
