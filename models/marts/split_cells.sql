-- The cells of the sky that kept objects' cutouts touch, with their leak-free split.
select * from {{ ref('int_split_cells') }}
