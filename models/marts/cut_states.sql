-- Where each cut is judged: one row per landed file and cut.
with states as (
    select * from {{ source('raw', 'cut_states') }}
)

select
    cast(landing as bigint) as landing,
    cast(cut as string) as cut,
    cast(state as string) as state,
    cast(judged_bands as string) as judged_bands,
    cast(archive_bands as string) as archive_bands,
    cast(absent_bands as string) as absent_bands
from states
