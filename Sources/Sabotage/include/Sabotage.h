int sabotage(void);
